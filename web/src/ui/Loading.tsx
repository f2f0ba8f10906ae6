import { text } from "../app/text";

export function Loading() {
  return (
    <p className="muted" role="status">
      {text.loading}
    </p>
  );
}
