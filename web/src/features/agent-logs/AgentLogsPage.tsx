import { useCallback, useState } from "react";
import type { Severity } from "../../api/types";
import { SelectField } from "../../ui/fields";
import { Page } from "../../ui/Page";
import { SearchField } from "../../ui/SearchField";
import { LogView } from "./LogView";
import { useAgentLogs } from "./queries";
import { text } from "./text";

const SEVERITIES = Object.keys(text.severities) as Severity[];

export default function AgentLogsPage() {
  const [q, setQ] = useState("");
  const [least, setLeast] = useState<Severity | "">("");
  const logs = useAgentLogs({ q, severity: least, run: "", device: "" }, true);
  return (
    <Page title={text.title} lead={text.lead}>
      <div>
        <div className="toolbar">
          <SearchField label={text.search} onSearch={useCallback((words: string) => setQ(words), [])} />
          <SelectField
            label={text.severity}
            empty={text.all}
            value={least}
            onChange={setLeast}
            options={SEVERITIES.map((value) => ({ value, label: text.severities[value] }))}
          />
        </div>
        <LogView label={text.label} logs={logs} empty={text.empty} withDevice />
      </div>
    </Page>
  );
}
