"""The paths of docs/contract.md#webhooks."""

from __future__ import annotations

from django.urls import URLPattern, path

from calling.webhooks import views

ROOT = "api/webhooks"
ONE = f"{ROOT}/<str:webhook_id>"

urlpatterns: list[URLPattern] = [
    path(ROOT, views.WebhooksView.as_view(), name="webhooks"),
    path(ONE, views.WebhookView.as_view(), name="webhook"),
    path(f"{ONE}/rotate_secret", views.RotateView.as_view()),
    path(f"{ONE}/test", views.TestView.as_view()),
    path(f"{ONE}/replay", views.ReplayView.as_view()),
    path(f"{ONE}/deliveries", views.DeliveriesView.as_view()),
    path(f"{ONE}/deliveries/<str:delivery_id>/resend", views.ResendView.as_view()),
]
