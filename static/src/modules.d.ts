declare module "htmx-ext-ws";
declare module "*.css";
