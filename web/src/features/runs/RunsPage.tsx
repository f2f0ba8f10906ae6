import { Link } from "@tanstack/react-router";
import { useCallback, useState } from "react";
import type { RunResult, RunState } from "../../api/types";
import { useSearchChoice } from "../../app/links";
import { PagedTable } from "../../ui/DataTable";
import { Empty } from "../../ui/Empty";
import { SelectField } from "../../ui/fields";
import { Page } from "../../ui/Page";
import { SearchField } from "../../ui/SearchField";
import { type RunFilter, useRuns } from "./queries";
import { RUN_COLUMNS } from "./RunTable";
import { text } from "./text";

const STATES = Object.keys(text.states) as RunState[];
const RESULTS = Object.keys(text.results) as RunResult[];

export default function RunsPage() {
  const state = useSearchChoice("state", STATES);
  const result = useSearchChoice("result", RESULTS);
  const [filter, setFilter] = useState<RunFilter>({ q: "", state, result });
  const set = useCallback((change: Partial<RunFilter>) => setFilter((old) => ({ ...old, ...change })), []);
  const search = useCallback((q: string) => set({ q }), [set]);
  const runs = useRuns(filter);
  return (
    <Page title={text.title} lead={text.lead}>
      <div>
        <div className="toolbar">
          <SearchField label={text.search} onSearch={search} />
          <SelectField
            label={text.state}
            empty={text.all}
            value={filter.state}
            onChange={(next) => set({ state: next })}
            options={STATES.map((value) => ({ value, label: text.states[value] }))}
          />
          <SelectField
            label={text.result}
            empty={text.all}
            value={filter.result}
            onChange={(next) => set({ result: next })}
            options={RESULTS.map((value) => ({ value, label: text.results[value] }))}
          />
        </div>
        <PagedTable
          caption={text.title}
          pages={runs}
          rowKey={(run) => run.id}
          columns={RUN_COLUMNS}
          empty={
            <Empty title={text.empty} action={<Link to="/devices">{text.toDevices}</Link>}>
              {text.emptyText}
            </Empty>
          }
        />
      </div>
    </Page>
  );
}
