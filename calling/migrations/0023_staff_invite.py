"""Invitations to a project's staff. No request of a project reads them, so its role gets no rights."""

import django.db.models.deletion
from django.db import migrations, models

import calling.models.ids
from subscribers.database_roles import ROLE

CLOSE = f"""
DO $$ BEGIN
    IF to_regrole('{ROLE}') IS NOT NULL THEN REVOKE ALL ON calling_staffinvite FROM {ROLE}; END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("calling", "0020_delivery_heads"), ("subscribers", "0006_assignment")]

    operations = [
        migrations.CreateModel(
            "StaffInvite",
            [
                (
                    "id",
                    models.UUIDField(
                        default=calling.models.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("viewer", "viewer: looks"),
                            ("operator", "operator: acts on calls and webhooks"),
                            ("owner", "owner: tokens, keys and staff too"),
                        ],
                        max_length=8,
                    ),
                ),
                ("note", models.CharField(blank=True, help_text="whom it is for", max_length=150)),
                ("digest", models.CharField(editable=False, max_length=64, unique=True)),
                ("invited_by", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="staff_invites",
                        to="subscribers.project",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["project", "-created_at"], name="staff_invite_listed"),
                ],
            },
        ),
        migrations.RunSQL(CLOSE, migrations.RunSQL.noop),
    ]
