/** A field's text while somebody types: sent after a pause or when the field is left, never overwritten meanwhile. */

import { useEffect, useRef, useState } from "react";

const PAUSE_MS = 300;

interface Draft<T> {
  draft: T;
  change(value: T): void;
  /** Sends what has not been sent. */
  settle(): void;
}

export function useDraft<T>(value: T, send: (value: T) => void): Draft<T> {
  const [draft, setDraft] = useState(value);
  const waiting = useRef<{ value: T } | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const sender = useRef(send);
  sender.current = send;

  useEffect(() => {
    if (!waiting.current) setDraft(value);
  }, [value]);

  const settle = useRef(() => {
    clearTimeout(timer.current);
    const held = waiting.current;
    waiting.current = null;
    if (held) sender.current(held.value);
  }).current;

  // A field that disappears, as when another node is selected, sends what it holds.
  useEffect(() => settle, [settle]);

  const change = (next: T): void => {
    setDraft(next);
    waiting.current = { value: next };
    clearTimeout(timer.current);
    timer.current = setTimeout(settle, PAUSE_MS);
  };
  return { draft, change, settle };
}
