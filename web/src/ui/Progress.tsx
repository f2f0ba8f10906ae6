import { count } from "../app/time";

/** How far something is; announced politely when its words change. */
export function Progress({ label, done, total }: { label: string; done: number; total?: number | null }) {
  const known = total !== undefined && total !== null && total > 0;
  return (
    <div className="progress">
      <progress aria-label={label} value={known ? done : undefined} max={known ? total : undefined} />
      <span className="small muted number" role="status">
        {known ? `${count(done)} / ${count(total)}` : done > 0 ? count(done) : ""}
      </span>
    </div>
  );
}
