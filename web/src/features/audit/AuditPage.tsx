import { useCallback, useState } from "react";
import { api, must } from "../../api/client";
import { usePages } from "../../api/pages";
import type { AuditEntry, Page as PageOf } from "../../api/types";
import { useChoice } from "../../app/session";
import { count } from "../../app/time";
import { PagedTable } from "../../ui/DataTable";
import { Empty } from "../../ui/Empty";
import { SelectField } from "../../ui/fields";
import { Page } from "../../ui/Page";
import { SearchField } from "../../ui/SearchField";
import { Time } from "../../ui/Time";
import { text } from "./text";

export default function AuditPage() {
  const { customer } = useChoice();
  const [q, setQ] = useState("");
  const [action, setAction] = useState("");
  const [scope, setScope] = useState<"here" | "all">("all");
  const wanted = scope === "here" ? customer?.id : undefined;
  const rows = usePages([customer?.id, "audit", q, action, scope], (cursor) =>
    must<PageOf<AuditEntry>>(
      api.GET("/audit", {
        params: {
          query: { customer: wanted, q: q || undefined, action: action || undefined, cursor, limit: 100 },
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
          <SearchField label={text.action} onSearch={useCallback((words: string) => setAction(words), [])} />
          <SelectField
            label={text.scope}
            value={scope}
            onChange={setScope}
            options={(["all", "here"] as const).map((value) => ({ value, label: text.scopes[value] }))}
          />
        </div>
        <PagedTable
          caption={text.title}
          pages={rows}
          rowKey={(row) => row.id}
          empty={<Empty title={text.empty}>{text.emptyText}</Empty>}
          columns={[
            { label: c.at, cell: (row) => <Time at={row.last_at} /> },
            { label: c.actor, cell: (row) => row.actor },
            { label: c.action, cell: (row) => <code className="small nowrap">{row.action}</code> },
            { label: c.detail, cell: (row) => <span className="wrap-anywhere">{row.detail}</span> },
            { label: c.source, cell: (row) => row.source ?? "–" },
            { label: c.count, end: true, cell: (row) => count(row.count) },
          ]}
        />
      </div>
    </Page>
  );
}
