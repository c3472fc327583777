variable "project" {
  description = "Google Cloud project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "This is no id of a project: 6 to 30 small letters, digits and hyphens."
  }
}

variable "region" {
  description = "Region of everything, such as europe-west4."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "This is no region; europe-west4 is one."
  }
}

variable "zones" {
  description = "Zones of the region that have the GPU; by default all. GPUs are not in each."
  type        = list(string)
  default     = []
}

variable "name" {
  description = "Prefix of all names."
  type        = string
  default     = "tiro"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "At most 20 small letters, digits and hyphens."
  }
}

variable "gpu" {
  description = "Kind of GPU, or \"\" for none."
  type        = string
  default     = "nvidia-l4"

  validation {
    condition     = contains(["", "nvidia-l4", "nvidia-tesla-t4"], var.gpu)
    error_message = "One of nvidia-l4, nvidia-tesla-t4, or nothing."
  }
}

variable "gpu_nodes_most" {
  description = "Most nodes with a GPU, in each zone."
  type        = number
  default     = 2

  validation {
    condition     = var.gpu_nodes_most >= 1 && var.gpu_nodes_most <= 50
    error_message = "From 1 to 50."
  }
}

variable "cpu_nodes_most" {
  description = "Most nodes without a GPU, in each zone."
  type        = number
  default     = 4

  validation {
    condition     = var.cpu_nodes_most >= 1 && var.cpu_nodes_most <= 100
    error_message = "From 1 to 100."
  }
}

variable "database_tier" {
  description = "Machine of Cloud SQL."
  type        = string
  default     = "db-custom-2-8192"

  validation {
    condition     = can(regex("^db-(custom-[0-9]+-[0-9]+|perf-optimized-N-[0-9]+)$", var.database_tier))
    error_message = "Such as db-custom-2-8192: two processors, 8192 MB."
  }
}

variable "database_available" {
  description = "REGIONAL keeps a second machine in another zone; ZONAL costs half."
  type        = string
  default     = "REGIONAL"

  validation {
    condition     = contains(["REGIONAL", "ZONAL"], var.database_available)
    error_message = "REGIONAL or ZONAL."
  }
}

variable "protect" {
  description = "Whether database, cluster and bucket refuse to be destroyed."
  type        = bool
  default     = true
}

variable "masters_from" {
  description = "Networks from which the cluster's API may be reached, by name; none leaves Google's own ways."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for cidr in values(var.masters_from) : can(cidrhost(cidr, 0))])
    error_message = "Networks such as 198.51.100.0/24."
  }
}
