/** What every page loads: htmx with its socket extension, and the small elements of the fragments. */

import htmx from "htmx.org";
import "htmx-ext-ws";

import "./elements/node-status";

declare global {
  interface Window {
    htmx: typeof htmx;
  }
}

window.htmx = htmx;

