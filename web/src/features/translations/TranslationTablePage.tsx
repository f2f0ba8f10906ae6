import { Link } from "@tanstack/react-router";
import { useCallback, useState } from "react";
import type { ObjectKind, TranslationRow, TranslationState } from "../../api/types";
import { useSearchChoice } from "../../app/links";
import { useCustomer } from "../../app/session";
import { count } from "../../app/time";
import { objectKind, translationState } from "../../app/words";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { PagedTable } from "../../ui/DataTable";
import { SidePanel } from "../../ui/Dialogs";
import { Empty } from "../../ui/Empty";
import { SelectField } from "../../ui/fields";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { SearchField } from "../../ui/SearchField";
import { useSyncProfiles } from "../sync-profiles/queries";
import { ExplanationView, ObjectLine } from "./ExplanationView";
import { csvAddress, type Filter, useExplanation, useTranslationCounts, useTranslations } from "./queries";
import { text } from "./text";

const STATES: TranslationState[] = ["matched", "unmatched", "ambiguous"];
const KINDS: ObjectKind[] = ["user", "group", "computer"];

export default function TranslationTablePage() {
  const customer = useCustomer();
  const asked = useSearchChoice("state", STATES);
  const [filter, setFilter] = useState<Filter>({ q: "", state: asked, kind: "", profile: "" });
  const set = useCallback((change: Partial<Filter>) => setFilter((old) => ({ ...old, ...change })), []);
  const search = useCallback((q: string) => set({ q }), [set]);
  const rows = useTranslations(filter);
  const profiles = useSyncProfiles();
  const [explained, setExplained] = useState<TranslationRow | null>(null);
  const filtered = Object.values(filter).some(Boolean);
  const c = text.columns;
  return (
    <Page
      title={text.title}
      lead={text.lead}
      actions={
        <a className="button" href={csvAddress(customer, filter)} download="translation-table.csv">
          {text.csv}
        </a>
      }
    >
      <Counts />
      <div>
        <div className="toolbar">
          <SearchField label={text.search} onSearch={search} />
          <SelectField
            label={text.state}
            empty={text.all}
            value={filter.state}
            onChange={(state) => set({ state })}
            options={STATES.map((value) => ({ value, label: text.states[value] }))}
          />
          <SelectField
            label={text.kind}
            empty={text.all}
            value={filter.kind}
            onChange={(kind) => set({ kind })}
            options={KINDS.map((value) => ({ value, label: text.kinds[value] }))}
          />
          <SelectField
            label={text.profile}
            empty={text.all}
            value={filter.profile}
            onChange={(profile) => set({ profile })}
            options={(profiles.data ?? []).map((one) => ({ value: one.id, label: one.name }))}
          />
        </div>
        <PagedTable
          caption={text.title}
          pages={rows}
          rowKey={(row) => `${row.source.id} ${row.profile_id}`}
          empty={filtered ? <Empty title={text.nothing}>{text.nothingText}</Empty> : <EmptyTable />}
          columns={[
            { label: c.source, cell: (row) => <ObjectLine object={row.source} /> },
            { label: c.kind, cell: (row) => objectKind[row.source.kind] },
            { label: c.state, cell: (row) => <Badge word={translationState[row.state]} /> },
            {
              label: c.target,
              cell: (row) =>
                row.target ? <ObjectLine object={row.target} /> : <span className="muted">–</span>,
            },
            {
              label: c.why,
              cell: (row) => (
                <Button small aria-label={text.whyFor(row.source.name)} onClick={() => setExplained(row)}>
                  {text.why}
                </Button>
              ),
            },
          ]}
        />
      </div>
      {explained && <Panel row={explained} close={() => setExplained(null)} />}
    </Page>
  );
}

function EmptyTable() {
  return (
    <Empty title={text.empty} action={<Link to="/schedule">{text.toSchedule}</Link>}>
      {text.emptyText}
    </Empty>
  );
}

function Counts() {
  const { data } = useTranslationCounts();
  if (!data) return null;
  const tones = { matched: "ok", unmatched: "warn", ambiguous: "bad" } as const;
  return (
    <div className="tiles">
      {STATES.map((state) => (
        <div key={state} className={`tile ${data[state] > 0 ? tones[state] : ""}`} data-count={state}>
          <span className="value">{count(data[state])}</span>
          <span className="what">{text.states[state]}</span>
        </div>
      ))}
    </div>
  );
}

function Panel({ row, close }: { row: TranslationRow; close: () => void }) {
  const query = useExplanation(row.source.id, row.profile_id);
  return (
    <SidePanel title={text.panel(row.source.name)} close={close}>
      <ProblemNote error={query.error} />
      {query.isPending && <Loading />}
      {query.data && <ExplanationView explanation={query.data} />}
      <Link to={`/objects/${row.source.id}`}>{text.report}</Link>
    </SidePanel>
  );
}
