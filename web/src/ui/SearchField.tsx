// A search that waits until typing pauses.
import { useEffect, useId, useState } from "react";
import { text } from "./text";

type Props = { label?: string; placeholder?: string; onSearch: (words: string) => void };

export function SearchField({ label = text.search, placeholder, onSearch }: Props) {
  const id = useId();
  const [words, setWords] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => onSearch(words.trim()), 200);
    return () => clearTimeout(timer);
  }, [words, onSearch]);
  return (
    <search className="field grow">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        className="input"
        type="search"
        value={words}
        placeholder={placeholder}
        onChange={(event) => setWords(event.target.value)}
      />
    </search>
  );
}
