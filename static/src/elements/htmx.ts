// htmx with its socket extension, set up before it touches the page.
import htmx from "htmx.org";
import "htmx-ext-ws";

htmx.config.includeIndicatorStyles = false;
htmx.config.historyCacheSize = 0;
htmx.config.scrollIntoViewOnBoost = false;
htmx.config.defaultSettleDelay = 0;
// A form that comes back with its mistakes is 422 and must be shown; every other refusal becomes a toast.
htmx.config.responseHandling = [
  { code: "204", swap: false },
  { code: "[23]..", swap: true },
  { code: "422", swap: true },
  { code: "[45]..", swap: false, error: true },
];

(window as unknown as { htmx: typeof htmx }).htmx = htmx;
export default htmx;
