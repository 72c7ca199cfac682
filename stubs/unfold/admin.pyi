"""What the admins use of unfold: Django's classes with other templates."""

from typing import Any

from django.contrib import admin

class ModelAdmin(admin.ModelAdmin[Any]): ...
class TabularInline(admin.TabularInline[Any, Any]): ...
