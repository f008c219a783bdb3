# Packer's template. It makes the same image as the native builder, from the same recipe, over SSH.
# Packer must be 1.6 or newer; see deploy/stacks.toml.
# A template of your own (bake.packer.template) gets those of these variables that it declares. A JSON
# template gets all but `tags`. It must set `tags` on the instance (run_tags), and name the image
# `image_name`.

variable "region" {
  type = string
}

# The address of the EC2 API; empty for AWS's own.
variable "endpoint" {
  type    = string
  default = ""
}

variable "vpc" {
  type = string
}

variable "subnet" {
  type = string
}

# Temporary. Ovenbird makes and deletes it. It allows SSH from the worker only.
variable "security_group" {
  type = string
}

# The name of the temporary key pair: Ovenbird finds it by this name when Packer was killed.
variable "key_pair" {
  type = string
}

variable "source_ami" {
  type = string
}

variable "instance_type" {
  type = string
}

variable "profile" {
  type    = string
  default = ""
}

variable "ssh_user" {
  type    = string
  default = "ec2-user"
}

# private_ip or public_ip, as bake.packer.reach says.
variable "ssh_interface" {
  type    = string
  default = "private_ip"
}

variable "ssh_port" {
  type    = string
  default = "22"
}

variable "image_name" {
  type = string
}

variable "tags" {
  type = map(string)
}

# The builder ends itself after so many minutes, even if Packer was killed.
variable "dead_man_minutes" {
  type    = string
  default = "240"
}

# The recipe as a tar.gz: provision/, files/ and agent.py.
variable "bundle" {
  type = string
}

variable "application" {
  type = string
}

variable "repository" {
  type = string
}

variable "tag" {
  type = string
}

variable "commit" {
  type = string
}

# {"parameter": …} or {"secret": …}: where the credential of a private repository is stored.
variable "credential" {
  type    = string
  default = ""
}

# The path at which the worker reads the image's manifest.
variable "manifest" {
  type = string
}

source "amazon-ebs" "image" {
  region                  = var.region
  custom_endpoint_ec2     = var.endpoint
  skip_region_validation  = true
  skip_metadata_api_check = true

  source_ami                             = var.source_ami
  instance_type                          = var.instance_type
  iam_instance_profile                   = var.profile
  vpc_id                                 = var.vpc
  subnet_id                              = var.subnet
  security_group_id                      = var.security_group
  temporary_key_pair_name                = var.key_pair
  shutdown_behavior                      = "terminate"
  user_data                              = "#!/bin/sh\nshutdown -h +${var.dead_man_minutes}\n"
  run_tags                               = var.tags
  run_volume_tags                        = var.tags

  communicator  = "ssh"
  ssh_username  = var.ssh_user
  ssh_interface = var.ssh_interface
  ssh_port      = var.ssh_port

  ami_name      = var.image_name
  tags          = var.tags
  snapshot_tags = var.tags
}

build {
  sources = ["source.amazon-ebs.image"]

  provisioner "file" {
    source      = var.bundle
    destination = "ovenbird-recipe.tar.gz"
  }

  # Copy the configuration files.
  provisioner "shell" {
    remote_folder   = "."
    execute_command = "sudo -E env {{ .Vars }} sh -eu {{ .Path }}"
    inline_shebang  = "/bin/sh -eu"
    inline = [
      "work=$${DESTDIR:-}/var/lib/ovenbird/recipe",
      "mkdir -p $work",
      "tar -xzf ovenbird-recipe.tar.gz -C $work",
      "rm -f ovenbird-recipe.tar.gz",
      "DESTDIR=$${DESTDIR:-} exec python3 $work/agent.py copy",
    ]
  }

  # Pull the tag's code, build it, run the smoke test, and scrub.
  provisioner "shell" {
    remote_folder   = "."
    execute_command = "sudo -E env {{ .Vars }} sh -eu {{ .Path }}"
    inline_shebang  = "/bin/sh -eu"
    environment_vars = [
      "OVENBIRD_APPLICATION=${var.application}",
      "OVENBIRD_REPOSITORY=${var.repository}",
      "OVENBIRD_TAG=${var.tag}",
      "OVENBIRD_COMMIT=${var.commit}",
      "OVENBIRD_CREDENTIAL=${var.credential}",
    ]
    inline = [
      "DESTDIR=$${DESTDIR:-} exec python3 $${DESTDIR:-}/var/lib/ovenbird/recipe/agent.py code",
    ]
  }

  provisioner "file" {
    direction   = "download"
    source      = "/usr/share/ovenbird/manifest.json"
    destination = var.manifest
  }
}
