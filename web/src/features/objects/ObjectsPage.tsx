import { Link } from "@tanstack/react-router";
import { useCallback, useState } from "react";
import type { Id, ObjectKind } from "../../api/types";
import { objectKind } from "../../app/words";
import { PagedTable } from "../../ui/DataTable";
import { Empty } from "../../ui/Empty";
import { SelectField } from "../../ui/fields";
import { Page } from "../../ui/Page";
import { SearchField } from "../../ui/SearchField";
import { useDirectoryOptions } from "../directories/queries";
import { type ObjectFilter, useObjects } from "./queries";
import { text } from "./text";

const KINDS: ObjectKind[] = ["user", "group", "computer"];

export default function ObjectsPage() {
  const [q, setQ] = useState("");
  const [kind, setKind] = useState<ObjectKind | "">("");
  const [chosen, setChosen] = useState<Id>("");
  const directories = useDirectoryOptions();
  const directory = chosen || directories[0]?.value;
  const search = useCallback((words: string) => setQ(words), []);
  return (
    <Page title={text.title} lead={text.lead}>
      <div>
        <div className="toolbar">
          <SearchField label={text.search} onSearch={search} />
          <SelectField
            label={text.kind}
            empty={text.all}
            value={kind}
            onChange={setKind}
            options={KINDS.map((value) => ({ value, label: text.kinds[value] }))}
          />
          <SelectField
            label={text.directory}
            value={directory ?? ""}
            onChange={setChosen}
            options={directories}
          />
        </div>
        {directory ? <Found filter={{ q, kind, directory }} /> : <Nothing />}
      </div>
    </Page>
  );
}

function Nothing() {
  return (
    <Empty title={text.empty} action={<Link to="/directories">{text.toDirectories}</Link>}>
      {text.emptyText}
    </Empty>
  );
}

function Found({ filter }: { filter: ObjectFilter }) {
  const rows = useObjects(filter);
  const c = text.columns;
  return (
    <PagedTable
      caption={text.title}
      pages={rows}
      rowKey={(row) => row.id}
      empty={<Nothing />}
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
        { label: c.container, cell: (row) => <span className="small wrap-anywhere">{row.container}</span> },
        { label: c.sid, cell: (row) => <code className="small">{row.sid ?? "–"}</code> },
      ]}
    />
  );
}
