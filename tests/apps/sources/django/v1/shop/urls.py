from django.contrib import admin
from django.contrib.flatpages import views
from django.urls import path

from shop.health import up

urlpatterns = [path("admin/", admin.site.urls), path("up", up), path("", views.flatpage, {"url": "/"}), path("<path:url>", views.flatpage)]
