// What every page loads: htmx, its sockets, and the manners of the frame.
import "./elements/htmx";
import "./elements/node-status";
import { start as chrome } from "./elements/chrome";
import { start as comments } from "./elements/comments";
import { start as compare } from "./elements/compare";
import { start as dialogs } from "./elements/dialogs";
import { start as drawer } from "./elements/drawer";
import { start as gallery } from "./elements/gallery";
import { start as gone } from "./elements/gone";
import { start as news } from "./elements/news";
import { start as palette } from "./elements/palette";
import { start as runs } from "./elements/runs";
import { start as tabs } from "./elements/tabs";
import { start as tape } from "./elements/tape";
import { start as times } from "./elements/times";
import { start as toasts } from "./elements/toasts";
import { start as remarks } from "./elements/remarks";
import { start as uploads } from "./elements/upload-drop";
import { start as windows } from "./elements/window";

for (const start of [chrome, comments, compare, dialogs, drawer, gallery, gone, news, palette, remarks, runs, tabs, tape, times, toasts, uploads, windows]) start();
