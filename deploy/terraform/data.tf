resource "random_password" "database" {
  length  = 40
  special = false
}

resource "google_sql_database_instance" "main" {
  name                = var.name
  region              = var.region
  database_version    = "POSTGRES_18"
  deletion_protection = var.protect

  settings {
    tier              = var.database_tier
    edition           = startswith(var.database_tier, "db-perf") ? "ENTERPRISE_PLUS" : "ENTERPRISE"
    availability_type = var.database_available
    disk_autoresize   = true

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.main.id
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7

      backup_retention_settings {
        retained_backups = 14
      }
    }

    database_flags {
      name  = "max_connections"
      value = "400"
    }

    insights_config {
      query_insights_enabled = true
    }
  }

  depends_on = [google_service_networking_connection.services]
}

resource "google_sql_database" "tiro" {
  name     = "tiro"
  instance = google_sql_database_instance.main.name
}

resource "google_sql_user" "tiro" {
  name     = "tiro"
  instance = google_sql_database_instance.main.name
  password = random_password.database.result
}

# Wake-ups and events, all of which may be lost.
resource "google_redis_instance" "main" {
  name               = var.name
  region             = var.region
  tier               = "STANDARD_HA"
  memory_size_gb     = 1
  redis_version      = "REDIS_7_2"
  authorized_network = google_compute_network.main.id
  connect_mode       = "PRIVATE_SERVICE_ACCESS"
  auth_enabled       = true

  redis_configs = {
    maxmemory-policy = "noeviction"
  }

  depends_on = [google_service_networking_connection.services]
}

resource "google_storage_bucket" "recordings" {
  name                        = "${var.project}-${var.name}-recordings"
  location                    = upper(var.region)
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.protect

  # What was deleted by mistake can be had back for a week; retention by age is Tiro's own.
  soft_delete_policy {
    retention_duration_seconds = 604800
  }

  # Parts of uploads that nobody finished.
  lifecycle_rule {
    condition {
      age = 3
    }

    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }
}
