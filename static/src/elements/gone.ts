// A picture that does not come, as its file is gone: a quiet sign and a sentence in place of the browser's torn page.
const gone = (image: HTMLImageElement): void => {
  const said = document.body.dataset.gone ?? "";
  image.dataset.gone = "";
  image.title = said;
  const stage = image.parentElement;
  if (stage?.matches("zoom-image, .tape-media")) stage.dataset.said = said;
  else image.alt = [image.alt, said].filter(Boolean).join(". ");
};

export function start(): void {
  // What failed before this script ran has told nobody.
  for (const image of document.images) if (image.currentSrc && image.complete && !image.naturalWidth) gone(image);
  addEventListener("error", ({ target }) => target instanceof HTMLImageElement && !("gone" in target.dataset) && gone(target), true);
}
