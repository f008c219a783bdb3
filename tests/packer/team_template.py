"""
A team's own template for Packer, in its old format (JSON).

It does what the project's template does, but for the map of tags: JSON cannot take a map.
"""

JSON_TEMPLATE = {
    "variables": dict.fromkeys(
        (
            "region",
            "endpoint",
            "source_ami",
            "vpc",
            "subnet",
            "image_name",
            "release",
            "key_pair",
            "bundle",
            "application",
            "repository",
            "tag",
            "commit",
            "ssh_user",
            "ssh_interface",
            "security_group",
            "ssh_port",
        ),
        "",
    ),
    "builders": [
        {
            "type": "amazon-ebs",
            "region": "{{user `region`}}",
            "custom_endpoint_ec2": "{{user `endpoint`}}",
            "skip_region_validation": True,
            "skip_metadata_api_check": True,
            "source_ami": "{{user `source_ami`}}",
            "instance_type": "t3.micro",
            "subnet_id": "{{user `subnet`}}",
            "vpc_id": "{{user `vpc`}}",
            "security_group_id": "{{user `security_group`}}",
            "temporary_key_pair_name": "{{user `key_pair`}}",
            "ami_name": "{{user `image_name`}}",
            "ssh_username": "{{user `ssh_user`}}",
            "ssh_interface": "{{user `ssh_interface`}}",
            "ssh_port": "{{user `ssh_port`}}",
            "run_tags": {"ovenbird:release": "{{user `release`}}", "Name": "{{user `image_name`}}"},
        }
    ],
    "provisioners": [
        {"type": "file", "source": "{{user `bundle`}}", "destination": "recipe.tar.gz"},
        {
            "type": "shell",
            "remote_folder": ".",
            "inline": [
                "work=$DESTDIR/var/lib/ovenbird/recipe && mkdir -p $work",
                "tar -xzf recipe.tar.gz -C $work && rm recipe.tar.gz",
                "export OVENBIRD_APPLICATION='{{user `application`}}'",
                "export OVENBIRD_REPOSITORY='{{user `repository`}}'",
                "export OVENBIRD_TAG='{{user `tag`}}' OVENBIRD_COMMIT='{{user `commit`}}'",
                "python3 $work/agent.py code",
            ],
        },
    ],
}
