/** A sentence of the server; names between backticks are set as code. */

export function Said({ text }: { text: string }): React.ReactElement {
  return <>{text.split("`").map((part, index) => (index % 2 ? <code key={index} className="said-code">{part}</code> : part))}</>;
}
