/** The mark of a port: one shape and one hue per type, the same wherever the type is shown. */

import type { PortType } from "../boot";
import { portColour } from "../store/catalogue";

const SHAPES: Record<PortType, React.ReactElement> = {
  text: <circle cx="6" cy="6" r="4.5" />,
  number: <path d="M6 0.8 11.2 6 6 11.2 0.8 6Z" />,
  boolean: <path d="M6 1.5a4.5 4.5 0 0 1 0 9Z M5 1.5v9a4.5 4.5 0 0 1 0-9Z" />,
  json: <path d="M3.6 1h4.8L11 6 8.400 11H3.600L1 6Z" />,
  image: <rect x="1.5" y="1.5" width="9" height="9" rx="1.5" />,
  video: <path d="M2.5 1.200 11 6 2.500 10.800Z" />,
  audio: <path d="M1 4h2.500v4H1Z M4.700 1h2.600v10H4.700Z M8.500 3H11v6H8.500Z" />,
  asset: <path d="M2 1h5.500L10.500 4v7H2Z" />,
  table: <path d="M1 1h4.500v4.500H1Z M6.500 1H11v4.500H6.500Z M1 6.500h4.500V11H1Z M6.500 6.500H11V11H6.500Z" />,
  any: <path fillRule="evenodd" d="M6 1a5 5 0 1 1 0 10A5 5 0 0 1 6 1Zm0 2.200a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600Z" />,
};

export function PortShape({ type, size = 12 }: { type: PortType; size?: number }): React.ReactElement {
  return (
    <svg viewBox="0 0 12 12" width={size} height={size} fill={portColour(type)} aria-hidden="true" className="shrink-0 pointer-events-none">
      {SHAPES[type] ?? SHAPES.any}
    </svg>
  );
}
