"""The ledger: accounts, rates, charges, and entries that PostgreSQL keeps append-only."""

import django.db.models.deletion
from django.db import migrations, models

import calling.models.ids

# Neither a program nor a person changes what is written: a correction is a new entry.
APPEND_ONLY = """
CREATE FUNCTION calling_ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only';
END $$;
CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE ON calling_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION calling_ledger_is_append_only();
"""
CHANGEABLE = """
DROP TRIGGER ledger_is_append_only ON calling_ledgerentry;
DROP FUNCTION calling_ledger_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("calling", "0003_rooms"),
        ("subscribers", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Account",
            fields=[
                (
                    "project",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="account",
                        serialize=False,
                        to="subscribers.project",
                    ),
                ),
                ("prepaid", models.BooleanField(default=False)),
                ("currency", models.CharField(default="USD", max_length=3)),
                ("balance", models.BigIntegerField(default=0)),
                ("reserved", models.BigIntegerField(default=0)),
                ("spent_on", models.DateField(help_text="the UTC day that `spent` is of", null=True)),
                ("spent", models.BigIntegerField(default=0)),
                ("entries", models.BigIntegerField(default=0, help_text="how many ledger rows it has")),
            ],
        ),
        migrations.CreateModel(
            name="LedgerEntry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("project_id", models.UUIDField()),
                ("number", models.BigIntegerField(help_text="counts per project from 1 without gaps")),
                ("kind", models.CharField(max_length=10)),
                ("amount", models.BigIntegerField(default=0)),
                ("reserved", models.BigIntegerField(default=0)),
                ("balance_after", models.BigIntegerField()),
                ("reserved_after", models.BigIntegerField()),
                ("leg_id", models.UUIDField(null=True)),
                ("seconds", models.IntegerField(null=True)),
                ("note", models.CharField(blank=True, max_length=200)),
                ("at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("project_id", "number"), name="ledger_numbered")
                ],
            },
        ),
        migrations.CreateModel(
            name="PhoneCharge",
            fields=[
                ("leg_id", models.UUIDField(primary_key=True, serialize=False)),
                ("number", models.CharField(max_length=300)),
                ("per_minute", models.BigIntegerField(default=0)),
                ("setup", models.BigIntegerField(default=0)),
                ("increment", models.PositiveIntegerField(default=60)),
                ("reserved", models.BigIntegerField(default=0)),
                ("charged", models.BigIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("answered_at", models.DateTimeField(null=True)),
                (
                    "paid_until",
                    models.DateTimeField(help_text="the answered call is covered till then", null=True),
                ),
                ("settled_at", models.DateTimeField(null=True)),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="subscribers.project",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["project", "created_at"], name="phone_charge_recent"),
                    models.Index(
                        condition=models.Q(("settled_at__isnull", True)),
                        fields=["project"],
                        name="phone_charge_open",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PhoneRate",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=calling.models.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("prefix", models.CharField(max_length=16)),
                ("per_minute", models.BigIntegerField()),
                ("setup", models.BigIntegerField(default=0)),
                ("increment", models.PositiveIntegerField(default=60, help_text="seconds")),
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="phone_rates",
                        to="subscribers.project",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("project", "prefix"), name="one_rate_per_prefix", nulls_distinct=False
                    )
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, CHANGEABLE),
    ]
