// A table that becomes cards when the window is narrow. Roles are written out, because a table
// whose display is changed loses them.
import { type ReactNode, useEffect, useRef, useState } from "react";
import type { Pages } from "../api/pages";
import { count } from "../app/time";
import { Button } from "./Button";
import { Loading } from "./Loading";
import { ProblemNote } from "./ProblemNote";
import { text } from "./text";

export type Column<T> = {
  label: string;
  cell: (row: T) => ReactNode;
  /** Numbers stand at the end of their column. */
  end?: boolean;
  /** Often empty; on a phone it shows only where it is not. */
  bare?: boolean;
};

type TableProps<T> = {
  caption: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
};

export function DataTable<T>({ caption, columns, rows, rowKey }: TableProps<T>) {
  const { box, overflows } = useOverflow();
  const reachable = overflows ? { tabIndex: 0, role: "region", "aria-label": caption } : {};
  return (
    <div className="table-box" ref={box} {...reachable}>
      <table className="table" role="table">
        <caption className="hidden-visually">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <th
                key={column.label}
                role="columnheader"
                scope="col"
                className={column.end ? "end" : undefined}
              >
                {column.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={rowKey(row)} role="row">
              {columns.map((column) => (
                <td
                  key={column.label}
                  role="cell"
                  data-label={column.label}
                  className={column.end ? "end" : column.bare ? "bare" : undefined}
                >
                  <div>{column.cell(row)}</div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Whether the table is wider than its box: only then must the box be reachable by keyboard. */
function useOverflow() {
  const box = useRef<HTMLDivElement>(null);
  const [overflows, setOverflows] = useState(false);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const look = () => setOverflows(element.scrollWidth > element.clientWidth);
    const observer = new ResizeObserver(look);
    observer.observe(element);
    if (element.firstElementChild) observer.observe(element.firstElementChild);
    return () => observer.disconnect();
  }, []);
  return { box, overflows };
}

type PagedProps<T> = Omit<TableProps<T>, "rows"> & { pages: Pages<T>; empty: ReactNode };

/** A table over a list that comes a page at a time. */
export function PagedTable<T>({ pages, empty, ...table }: PagedProps<T>) {
  if (pages.error) return <ProblemNote error={pages.error} />;
  if (pages.loading) return <Loading />;
  if (pages.items.length === 0) return <>{empty}</>;
  return (
    <div aria-busy={pages.refreshing || undefined}>
      <DataTable {...table} rows={pages.items} />
      <div className="table-foot">
        <span className="small number" role="status">
          {pages.total === undefined
            ? text.shown(pages.items.length, undefined)
            : `${count(pages.items.length)} of ${count(pages.total)} shown`}
        </span>
        {pages.hasMore && (
          <Button busy={pages.loadingMore} onClick={pages.more}>
            {text.more}
          </Button>
        )}
      </div>
    </div>
  );
}
