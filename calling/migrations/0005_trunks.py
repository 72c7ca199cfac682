"""Trunks: rooms whose members are carried by several media workers."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calling", "0004_ledger"),
        ("subscribers", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Trunk",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("far", models.UUIDField(help_text="the worker it is for")),
                ("description", models.TextField()),
                (
                    "near",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="calling.mediaworker",
                    ),
                ),
                (
                    "room",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="subscribers.room"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="trunk",
            constraint=models.UniqueConstraint(fields=("room", "near", "far"), name="one_trunk_per_pair"),
        ),
        migrations.AddIndex(
            model_name="trunk",
            index=models.Index(fields=["far"], name="trunk_far"),
        ),
    ]
