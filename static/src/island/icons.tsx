/** The icons the catalogue names, and the marks of the states. Only what is imported here is shipped. */

import {
  AudioWaveform, Captions, GalleryHorizontal, Gauge, ImagePlay, MoveDiagonal, PictureInPicture2, Scissors, SlidersVertical, Volume2,
  AudioLines, Blocks, Box, Boxes, Braces, CheckCheck, Circle, CircleCheck, CircleDashed, CircleSlash, Clapperboard, Clock, Clock3,
  Combine, File, FileInput, FileText, FileUp, Film, FlaskConical, GalleryHorizontalEnd, GitBranch, GitFork, Hash, Hourglass,
  Image, ImagePlus, Images, LayoutTemplate, LoaderCircle, LogIn, LogOut, type LucideIcon, Maximize, MessageSquareText, MoveRight, Music, OctagonX, RotateCw, Scaling, ScanText, Send, SkipForward,
  Sparkles, Split, Table, TestTube, TextCursorInput, Timer, Type, Upload, UserCheck, Video, Wand, WandSparkles, Webhook, Workflow, Zap,
  Crop, Droplet, FileImage, Layers, LayoutGrid, Palette, Ruler, Scan, Stamp, TypeOutline,
} from "lucide-react";

import { t } from "./i18n";
import type { ShownState } from "./store/run";

const ICONS: Record<string, LucideIcon> = {
  "audio-waveform": AudioWaveform, captions: Captions, "gallery-horizontal": GalleryHorizontal, gauge: Gauge, "image-play": ImagePlay, "move-diagonal": MoveDiagonal, "picture-in-picture-2": PictureInPicture2, scissors: Scissors, "sliders-vertical": SlidersVertical, "volume-2": Volume2,
  "audio-lines": AudioLines, blocks: Blocks, box: Box, boxes: Boxes, braces: Braces, "check-check": CheckCheck, circle: Circle,
  clapperboard: Clapperboard, clock: Clock, "clock-3": Clock3, combine: Combine, file: File, "file-input": FileInput, "file-text": FileText,
  "file-up": FileUp, film: Film, "flask-conical": FlaskConical, "gallery-horizontal-end": GalleryHorizontalEnd, "git-branch": GitBranch,
  "git-fork": GitFork, hash: Hash, hourglass: Hourglass, image: Image, "image-plus": ImagePlus, images: Images,
  "layout-template": LayoutTemplate, "log-in": LogIn, "log-out": LogOut, maximize: Maximize, "message-square-text": MessageSquareText, "move-right": MoveRight, music: Music, scaling: Scaling, "scan-text": ScanText, send: Send,
  sparkles: Sparkles, split: Split, table: Table, "test-tube": TestTube, "text-cursor-input": TextCursorInput, timer: Timer, type: Type,
  upload: Upload, "user-check": UserCheck, video: Video, wand: Wand, "wand-sparkles": WandSparkles, webhook: Webhook, workflow: Workflow,
  crop: Crop, droplet: Droplet, "file-image": FileImage, layers: Layers, "layout-grid": LayoutGrid, palette: Palette, ruler: Ruler, scan: Scan, stamp: Stamp, "type-outline": TypeOutline,
};

/** The icon a node type names; a box for one that is not among ours. */
export function NodeIcon({ name, size = 14 }: { name: string | undefined; size?: number }): React.ReactElement {
  const Icon = ICONS[name ?? ""] ?? Box;
  return <Icon size={size} aria-hidden="true" className="shrink-0" />;
}

/** Each state has a shape of its own as well as a hue, the same as on the pages (apps/common/states.py). */
const STATE_ICONS: Record<ShownState, LucideIcon> = {
  pending: CircleDashed,
  ready: CircleDashed,
  running: LoaderCircle,
  waiting: Hourglass,
  completed: CircleCheck,
  cached: Zap,
  failed: OctagonX,
  skipped: SkipForward,
  cancelled: CircleSlash,
  retrying: RotateCw,
};

export function stateName(state: ShownState): string {
  const names: Record<ShownState, string> = {
    pending: t("Queued"),
    ready: t("Next"),
    running: t("Running"),
    waiting: t("Waiting"),
    completed: t("Done"),
    cached: t("Reused"),
    failed: t("Failed"),
    skipped: t("Skipped"),
    cancelled: t("Cancelled"),
    retrying: t("Retrying soon"),
  };
  return names[state];
}

/** `why`: what the pointer shows beyond the name of the state. */
export function StateMark({ state, size = 15, why }: { state: ShownState; size?: number; why?: string }): React.ReactElement {
  const Icon = STATE_ICONS[state];
  return (
    <span role="img" aria-label={stateName(state)} aria-description={why} title={why || stateName(state)} style={{ color: `var(--state-${state})` }} className="shrink-0">
      <Icon size={size} className={state === "running" ? "motion-safe:animate-spin" : ""} />
    </span>
  );
}
