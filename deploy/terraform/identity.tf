# What Tiro's pods are to Google: the bucket's objects and its three secrets, nothing else.
resource "google_service_account" "tiro" {
  account_id   = var.name
  display_name = "Tiro"
}

resource "google_service_account_iam_member" "pods" {
  service_account_id = google_service_account.tiro.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[tiro/tiro]"

  depends_on = [google_container_cluster.main]
}

resource "google_storage_bucket_iam_member" "tiro" {
  bucket = google_storage_bucket.recordings.name
  role   = "roles/storage.objectUser"
  member = google_service_account.tiro.member
}

# Signed addresses for playback are signed with the account's own key, which it never holds.
resource "google_service_account_iam_member" "signs" {
  service_account_id = google_service_account.tiro.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = google_service_account.tiro.member
}

resource "random_bytes" "auth" {
  length = 32
}

locals {
  redis    = "${google_redis_instance.main.host}:${google_redis_instance.main.port}"
  database = google_sql_database_instance.main.private_ip_address

  secrets = {
    database-url = "postgresql://tiro:${random_password.database.result}@${local.database}:5432/tiro?sslmode=require"
    broker-url   = "redis://:${google_redis_instance.main.auth_string}@${local.redis}/0"
    auth-secret  = random_bytes.auth.hex
  }
}

resource "google_secret_manager_secret" "tiro" {
  for_each = toset(["database-url", "broker-url", "auth-secret"])

  secret_id = "${var.name}-${each.value}"

  replication {
    auto {}
  }

  depends_on = [google_project_service.needed]
}

resource "google_secret_manager_secret_version" "tiro" {
  for_each = google_secret_manager_secret.tiro

  secret      = each.value.id
  secret_data = local.secrets[each.key]
}

resource "google_secret_manager_secret_iam_member" "tiro" {
  for_each = google_secret_manager_secret.tiro

  secret_id = each.value.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.tiro.member
}
