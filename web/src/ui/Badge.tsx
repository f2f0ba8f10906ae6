import type { Word } from "../app/words";

/** A state in a word; the colour and the shape of its mark only repeat it. */
export function Badge({ word }: { word: Word }) {
  return <span className={`badge ${word.tone}`}>{word.label}</span>;
}
