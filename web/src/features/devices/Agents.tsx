// The agents of a device: who holds it, who else claims it, and the decision between them.
import { Link } from "@tanstack/react-router";
import { queryClient } from "../../api/query";
import type { Agent, Device } from "../../api/types";
import { useCustomer } from "../../app/session";
import { pskPolicy, trustState } from "../../app/words";
import { Badge } from "../../ui/Badge";
import { AskButton } from "../../ui/Dialogs";
import { Facts } from "../../ui/Facts";
import { Time } from "../../ui/Time";
import { keepAgent, revoke } from "./queries";
import { text } from "./text";

export function Agents({ device }: { device: Device }) {
  const customer = useCustomer();
  const id = device.summary.id;
  const conflict = device.summary.trust === "conflict";
  const refresh = () => queryClient.invalidateQueries({ queryKey: [customer] });
  return (
    <section className="stack tight">
      <div className="row between">
        <h2>{text.agents}</h2>
        {(device.summary.trust === "trusted" || device.summary.trust === "pending") && (
          <AskButton
            small
            label={text.revoke}
            title={text.revokeTitle}
            confirm={text.revoke}
            onConfirm={() => revoke(customer, id).then(refresh)}
          >
            <p>{text.revokeText}</p>
          </AskButton>
        )}
      </div>
      {device.agents.length === 0 && (
        <p className="muted">
          {text.noAgents} <Link to="/psks">{text.toPsks}</Link>
        </p>
      )}
      {conflict && <p className="note bad">{text.conflict}</p>}
      <div className="columns">
        {device.agents.map((agent) => (
          <AgentCard key={agent.id} agent={agent}>
            {conflict && agent.trust !== "revoked" && (
              <AskButton
                look="primary"
                label={text.keep}
                title={text.keepTitle}
                confirm={text.keep}
                onConfirm={() => keepAgent(customer, id, agent.id).then(refresh)}
              >
                <p>{text.keepText}</p>
              </AskButton>
            )}
          </AgentCard>
        ))}
      </div>
    </section>
  );
}

function role(agent: Agent): string {
  if (agent.holds_device) return text.holds;
  return agent.trust === "revoked" ? text.earlier : text.rival;
}

function AgentCard({ agent, children }: { agent: Agent; children?: React.ReactNode }) {
  const n = text.names;
  const { facts } = agent;
  return (
    <div className="card stack tight">
      <div className="row between">
        <h3>{role(agent)}</h3>
        <Badge word={trustState[agent.trust]} />
      </div>
      <Facts
        facts={[
          [n.computer, facts.computer_name],
          [n.domain, facts.domain],
          [n.sid, facts.machine_sid && <code>{facts.machine_sid}</code>],
          [n.serial, facts.serial],
          [n.uuid, facts.smbios_uuid],
          [n.disk, facts.disk_serial],
          [n.os, `${facts.os} (${facts.os_build})`],
          [n.version, facts.agent_version],
          [n.key, <code key="key">{agent.key_id}</code>],
          [n.policy, pskPolicy[agent.policy]],
          [n.enrolled, <Time key="enrolled" at={agent.enrolled_at} />],
          [
            n.decided,
            agent.decided_at && (
              <>
                <Time at={agent.decided_at} /> {agent.decided_by && text.decidedBy(agent.decided_by)}
              </>
            ),
          ],
          [n.seen, <Time key="seen" at={agent.last_seen_at} none={text.never} relative />],
        ]}
      />
      {children}
    </div>
  );
}
