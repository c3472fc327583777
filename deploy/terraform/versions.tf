# Never applied, and `terraform validate` never run: the providers cannot be had where this was written. Checked:
# `terraform fmt`, the syntax of HCL, and that each reference names something that is declared.
terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.0"
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
