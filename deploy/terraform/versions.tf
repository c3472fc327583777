# Never applied, and `terraform validate` never run: the providers cannot be had where this was written. Checked:
# `terraform fmt`, the syntax of HCL, that each reference names something that is declared, and once, by hand, that
# each argument of each resource is one that version 6.50 of the provider knows, and that none is missing.
terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.6"
    }
  }

  # State holds the passwords made here, so keep it in a bucket that few may read:
  #   terraform init -backend-config=bucket=MY_STATE_BUCKET -backend-config=prefix=tiro
  # with a file backend.tf of your own:  terraform { backend "gcs" {} }
}

provider "google" {
  project = var.project
  region  = var.region
}
