"""Written conversations, fenced off between projects. The version before knows of none."""

import django.db.models.deletion
from django.db import migrations, models

import calling.models.ids

TABLES = ("calling_conversation", "calling_participation", "calling_textmessage")
FENCE = "".join(
    f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; "
    f"CREATE POLICY of_the_project ON {table} USING ("
    "NOT (SELECT callwright_fenced()) OR project_id = (SELECT callwright_project()));"
    for table in TABLES
)
NO_FENCE = "".join(f"DROP POLICY of_the_project ON {table};" for table in TABLES)


def key() -> models.UUIDField:
    return models.UUIDField(
        default=calling.models.ids.uuid7, editable=False, primary_key=True, serialize=False
    )


def whole(to: str) -> models.ForeignKey:
    return models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to=to)


def loose(to: str, **more: bool) -> models.ForeignKey:
    return models.ForeignKey(
        db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=to, **more
    )


def in_conversation(name: str) -> models.ForeignKey:
    return models.ForeignKey(
        on_delete=django.db.models.deletion.CASCADE, related_name=name, to="calling.conversation"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("calling", "0015_two_logins"),
        ("subscribers", "0007_encryption_disabled"),
    ]

    operations = [
        migrations.CreateModel(
            "Conversation",
            [
                ("id", key()),
                ("project", whole("subscribers.project")),
                ("first", loose("subscribers.address")),
                ("second", loose("subscribers.address")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("spoken_at", models.DateTimeField(help_text="of the newest message, or when it was made")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("project", "first", "second"), name="conversation_between"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(first__lte=models.F("second")), name="conversation_ordered"
                    ),
                ],
                "indexes": [models.Index(fields=["spoken_at"], name="conversation_spoken")],
            },
        ),
        migrations.CreateModel(
            "Participation",
            [
                ("id", key()),
                ("project", whole("subscribers.project")),
                ("conversation", in_conversation("people")),
                ("identity", models.UUIDField(help_text="tokens.subjects.TokenHolder.identity")),
                ("subscriber", loose("subscribers.subscriber", null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("conversation", "identity"), name="participation_once")
                ],
                "indexes": [models.Index(fields=["identity"], name="participation_identity")],
            },
        ),
        migrations.CreateModel(
            "TextMessage",
            [
                ("id", key()),
                ("project", whole("subscribers.project")),
                ("conversation", in_conversation("messages")),
                ("subscriber", loose("subscribers.subscriber", null=True)),
                ("address_id", models.UUIDField(help_text="of who wrote it; a guest has none", null=True)),
                ("name", models.CharField(blank=True, max_length=200)),
                ("text", models.TextField()),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["conversation", "-created_at", "-id"], name="text_message_listed"),
                    models.Index(fields=["created_at"], name="text_message_recent"),
                ],
            },
        ),
        migrations.RunSQL(FENCE, NO_FENCE),
    ]
