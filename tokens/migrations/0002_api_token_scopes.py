"""API keys have scopes and say when they were last used. One without scopes may do everything, as before."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tokens", "0001_initial")]
    operations = [
        migrations.AddField("apitoken", "scopes", models.JSONField(null=True, editable=False)),
        migrations.AddField("apitoken", "last_used_at", models.DateTimeField(null=True, editable=False)),
    ]
