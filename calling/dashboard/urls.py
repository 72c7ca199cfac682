"""The paths of the staff pages and of the browser phone."""

from __future__ import annotations

from django.urls import include, path

from calling.dashboard.pages import (
    balance,
    call,
    directory,
    history,
    live,
    login,
    phone,
    phone_module,
    platform,
    project,
    recordings,
    webhook_actions,
    webhooks,
)

pages = [
    path("login", login.sign_in, name="login"),
    path("login/code", login.code, name="code"),
    path("logout", login.sign_out, name="logout"),
    path("choose", login.choose, name="choose"),
    path("second-factor", login.second_factor, name="second_factor"),
    path("", live.live, name="live"),
    path("calls", history.search, name="search"),
    path("calls/<str:call_id>", call.call, name="call"),
    path("calls/<str:call_id>/<str:action>", live.act, name="act"),
    path("charts", history.charts, name="charts"),
    path("export/<str:what>.<str:form>", history.export, name="export"),
    path("recordings/<str:recording_id>", recordings.sound, name="recording"),
    path("webhooks", webhooks.webhooks, name="webhooks"),
    path("webhooks/<str:webhook_id>", webhooks.webhook, name="webhook"),
    path("webhooks/<str:webhook_id>/<str:action>", webhook_actions.act, name="webhook_act"),
    path("deliveries/<str:delivery_id>", webhooks.delivery, name="delivery"),
    path("deliveries/<str:delivery_id>/resend", webhook_actions.resend, name="delivery_resend"),
    path("subscribers", directory.subscribers, name="subscribers"),
    path("subscribers/<str:subscriber_id>", directory.subscriber, name="subscriber"),
    path("subscribers/<str:subscriber_id>/token", directory.issue_token, name="issue_token"),
    path("subscribers/<str:subscriber_id>/revoke", directory.revoke_tokens, name="revoke_tokens"),
    path("rooms", directory.rooms, name="rooms"),
    path("rooms/member/<str:leg_id>/remove", directory.remove_member, name="remove_member"),
    path("rooms/<str:room_id>/lock", directory.lock_room, name="lock_room"),
    path("lines", directory.lines, name="lines"),
    path("lines/assign", directory.assign_number, name="assign_number"),
    path("lines/<str:number_id>/unassign", directory.unassign_number, name="unassign_number"),
    path("lines/<str:number_id>/route", directory.route_number, name="route_number"),
    path("balance", balance.balance, name="balance"),
    path("balance/top-up", balance.top_up, name="top_up"),
    path("balance/account", balance.account, name="account"),
    path("balance/policy", balance.set_policy, name="phone_policy"),
    path("balance/suspend", balance.suspend, name="suspend_phones"),
    path("balance/rates", balance.add_rate, name="add_rate"),
    path("balance/rates/<str:rate_id>/drop", balance.drop_rate, name="drop_rate"),
    path("health", platform.health, name="health"),
    path("health/examination", platform.examination, name="examination"),
    path("audit", platform.audit, name="audit"),
    path("project", project.project, name="project"),
    path("project/keys", project.issue_key, name="issue_key"),
    path("project/keys/<str:key_id>/revoke", project.revoke_key, name="revoke_key"),
    path("project/staff", project.set_role, name="set_role"),
    path("project/new", project.create, name="create_project"),
]

urlpatterns = [
    path("phone", phone.phone, name="phone"),
    path("static/callwright-<str:version>/<path:name>", phone_module.module, name="phone_module"),
    path("phone-push.js", phone.push_worker, name="phone_push"),
    path("dashboard/", include((pages, "dashboard"))),
]
