from __future__ import annotations

from django.urls import URLPattern, path

from apps.projects import canvas, comment_views, sharing_views, views

app_name = "projects"
urlpatterns: list[URLPattern] = [
    path("projects/", views.project_list, name="project_list"),
    path("projects/new/", views.project_create, name="project_create"),
    path("projects/start/<slug:starter>/", views.project_start, name="project_start"),
    path("projects/home/", views.home_projects, name="home_projects"),
    path("projects/palette/", views.palette, name="palette"),
    path("projects/trash/", views.trash, name="trash"),
    path("projects/<uuid:project>/", views.project_detail, name="project_detail"),
    path("projects/<uuid:project>/rename/", views.project_rename, name="project_rename"),
    path("projects/<uuid:project>/trash/", views.project_trash, name="project_trash"),
    path("projects/<uuid:project>/restore/", views.project_restore, name="project_restore"),
    path("projects/<uuid:project>/workflows/new/", views.workflow_create, name="workflow_create"),
    path("projects/mentions/", comment_views.mention_list, name="mention_list"),
    path("projects/<uuid:project>/sharing/", sharing_views.project_sharing, name="project_sharing"),
    path("projects/<uuid:project>/sharing/add/", sharing_views.project_share, name="project_share"),
    path("projects/<uuid:project>/sharing/private/", sharing_views.project_privacy_set, name="project_privacy_set"),
    path("projects/<uuid:project>/sharing/<uuid:user>/", sharing_views.project_member_set, name="project_member_set"),
    path(
        "projects/<uuid:project>/invitations/<uuid:invitation>/revoke/",
        sharing_views.project_invitation_revoke,
        name="project_invitation_revoke",
    ),
    path("workflows/<uuid:workflow>/comments/", comment_views.comment_list, name="comment_list"),
    path("workflows/<uuid:workflow>/comments/people/", comment_views.comment_people, name="comment_people"),
    path("workflows/<uuid:workflow>/comments/new/", comment_views.comment_add, name="comment_add"),
    path("workflows/<uuid:workflow>/comments/<uuid:comment>/edit/", comment_views.comment_edit, name="comment_edit"),
    path(
        "workflows/<uuid:workflow>/comments/<uuid:comment>/delete/", comment_views.comment_delete, name="comment_delete"
    ),
    path(
        "workflows/<uuid:workflow>/comments/<uuid:comment>/restore/",
        comment_views.comment_restore,
        name="comment_restore",
    ),
    path(
        "workflows/<uuid:workflow>/comments/<uuid:comment>/resolve/",
        comment_views.comment_resolve,
        name="comment_resolve",
    ),
    path("workflows/<uuid:workflow>/", canvas.workflow_detail, name="workflow_detail"),
    path("workflows/<uuid:workflow>/outline.svg", canvas.workflow_outline, name="workflow_outline"),
    path("workflows/<uuid:workflow>/rename/", canvas.workflow_rename, name="workflow_rename"),
    path("workflows/<uuid:workflow>/duplicate/", canvas.workflow_duplicate, name="workflow_duplicate"),
    path("workflows/<uuid:workflow>/trash/", canvas.workflow_trash, name="workflow_trash"),
    path("workflows/<uuid:workflow>/restore/", canvas.workflow_restore, name="workflow_restore"),
    path("workflows/<uuid:workflow>/versions/", canvas.version_list, name="version_list"),
    path("workflows/<uuid:workflow>/versions/new/", canvas.version_create, name="version_create"),
    path("workflows/<uuid:workflow>/versions/<int:number>/", canvas.version_detail, name="version_detail"),
    path("workflows/<uuid:workflow>/versions/<int:number>/outline.svg", canvas.version_outline, name="version_outline"),
    path("workflows/<uuid:workflow>/versions/<int:number>/publish/", canvas.version_publish, name="version_publish"),
    path("workflows/<uuid:workflow>/versions/<int:number>/restore/", canvas.version_restore, name="version_restore"),
]
