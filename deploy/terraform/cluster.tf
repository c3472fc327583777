resource "google_service_account" "nodes" {
  account_id   = "${var.name}-nodes"
  display_name = "Tiro: nodes"
}

resource "google_project_iam_member" "nodes" {
  for_each = toset([
    "roles/artifactregistry.reader",
    "roles/container.defaultNodeServiceAccount",
  ])

  project = var.project
  role    = each.value
  member  = google_service_account.nodes.member
}

resource "google_container_cluster" "main" {
  name                     = var.name
  location                 = var.region
  node_locations           = length(var.zones) > 0 ? var.zones : null
  network                  = google_compute_network.main.id
  subnetwork               = google_compute_subnetwork.nodes.id
  remove_default_node_pool = true
  initial_node_count       = 1
  deletion_protection      = var.protect
  datapath_provider        = "ADVANCED_DATAPATH" # heeds NetworkPolicies

  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  private_cluster_config {
    enable_private_nodes = true
  }

  master_authorized_networks_config {
    dynamic "cidr_blocks" {
      for_each = var.masters_from

      content {
        display_name = cidr_blocks.key
        cidr_block   = cidr_blocks.value
      }
    }
  }

  workload_identity_config {
    workload_pool = "${var.project}.svc.id.goog"
  }

  gateway_api_config {
    channel = "CHANNEL_STANDARD"
  }

  release_channel {
    channel = "REGULAR"
  }

  node_config {
    service_account = google_service_account.nodes.email
  }

  lifecycle {
    # Of the pool that is removed at once.
    ignore_changes = [node_config]
  }
}

resource "google_container_node_pool" "cpu" {
  name     = "cpu"
  cluster  = google_container_cluster.main.id
  location = var.region

  autoscaling {
    min_node_count = 1
    max_node_count = var.cpu_nodes_most
  }

  node_config {
    machine_type    = "n2-standard-4"
    disk_size_gb    = 100
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]

    workload_metadata_config {
      mode = "GKE_METADATA"
    }

    shielded_instance_config {
      enable_secure_boot = true
    }
  }
}

resource "google_container_node_pool" "gpu" {
  count = var.gpu == "" ? 0 : 1

  name     = "gpu"
  cluster  = google_container_cluster.main.id
  location = var.region

  autoscaling {
    min_node_count = 0
    max_node_count = var.gpu_nodes_most
  }

  node_config {
    machine_type    = var.gpu == "nvidia-l4" ? "g2-standard-8" : "n1-standard-8"
    disk_size_gb    = 100
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]

    guest_accelerator {
      type  = var.gpu
      count = 1

      gpu_driver_installation_config {
        gpu_driver_version = "DEFAULT"
      }
    }

    taint {
      key    = "nvidia.com/gpu"
      value  = "present"
      effect = "NO_SCHEDULE"
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }
}
