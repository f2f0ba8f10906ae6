import { Link } from "@tanstack/react-router";
import { useCallback, useState } from "react";
import { api, must } from "../../api/client";
import { usePages } from "../../api/pages";
import type { Id, ObjectKind, ObjectRef, Page as PageOf } from "../../api/types";
import { useCustomer } from "../../app/session";
import { objectKind } from "../../app/words";
import { PagedTable } from "../../ui/DataTable";
import { Empty } from "../../ui/Empty";
import { SelectField } from "../../ui/fields";
import { Page } from "../../ui/Page";
import { SearchField } from "../../ui/SearchField";
import { useDirectoryName, useDirectoryOptions } from "../directories/queries";
import { text } from "./text";

const KINDS: ObjectKind[] = ["user", "group", "computer"];

export default function ObjectsPage() {
  const customer = useCustomer();
  const [q, setQ] = useState("");
  const [kind, setKind] = useState<ObjectKind | "">("");
  const [directory, setDirectory] = useState<Id | "">("");
  const directories = useDirectoryOptions();
  const nameOf = useDirectoryName();
  const rows = usePages([customer, "objects", q, kind, directory], (cursor) =>
    must<PageOf<ObjectRef>>(
      api.GET("/customers/{customer}/objects", {
        params: {
          path: { customer },
          query: {
            q: q || undefined,
            kind: kind || undefined,
            directory_id: directory || undefined,
            cursor,
            limit: 50,
          },
        },
      }),
    ),
  );
  const c = text.columns;
  return (
    <Page title={text.title} lead={text.lead}>
      <div>
        <div className="toolbar">
          <SearchField label={text.search} onSearch={useCallback((words: string) => setQ(words), [])} />
          <SelectField
            label={text.kind}
            empty={text.all}
            value={kind}
            onChange={setKind}
            options={KINDS.map((value) => ({ value, label: text.kinds[value] }))}
          />
          <SelectField
            label={text.directory}
            empty={text.all}
            value={directory}
            onChange={setDirectory}
            options={directories}
          />
        </div>
        <PagedTable
          caption={text.title}
          pages={rows}
          rowKey={(row) => row.id}
          empty={
            <Empty title={text.empty} action={<Link to="/directories">{text.toDirectories}</Link>}>
              {text.emptyText}
            </Empty>
          }
          columns={[
            {
              label: c.name,
              cell: (row) => (
                <>
                  <Link to={`/objects/${row.id}`}>{row.name}</Link>
                  {row.account_name !== row.name && <div className="small muted">{row.account_name}</div>}
                </>
              ),
            },
            { label: c.kind, cell: (row) => objectKind[row.kind] },
            { label: c.directory, cell: (row) => nameOf(row.directory_id) },
            {
              label: c.container,
              cell: (row) => <span className="small wrap-anywhere">{row.container}</span>,
            },
            { label: c.sid, cell: (row) => <code className="small">{row.sid ?? "–"}</code> },
          ]}
        />
      </div>
    </Page>
  );
}
