output "cluster" {
  description = "gcloud container clusters get-credentials NAME --region REGION"
  value       = google_container_cluster.main.name
}

output "gateway_address" {
  description = "For DNS, and for TIRO_HTTP_PROXIES."
  value       = google_compute_global_address.gateway.address
}

output "storage_url" {
  description = "TIRO_STORAGE_URL"
  value       = "gs://${google_storage_bucket.recordings.name}/recordings"
}

output "service_account" {
  description = "For the annotation of the Kubernetes service account."
  value       = google_service_account.tiro.email
}
