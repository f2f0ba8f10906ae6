import { useQuery } from "@tanstack/react-query";
import { api, must } from "../../api/client";
import { queryClient } from "../../api/query";
import type { AgentCertificate } from "../../api/types";
import { useCustomer } from "../../app/session";
import { Badge } from "../../ui/Badge";
import { CopyText } from "../../ui/CopyText";
import { DataTable } from "../../ui/DataTable";
import { AskButton } from "../../ui/Dialogs";
import { Facts } from "../../ui/Facts";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { Time } from "../../ui/Time";
import { text } from "./text";

export default function AgentCertificatePage() {
  const customer = useCustomer();
  const key = [customer, "certificate"];
  const path = { params: { path: { customer } } };
  const query = useQuery({
    queryKey: key,
    queryFn: () => must<AgentCertificate>(api.GET("/customers/{customer}/agent-certificate", path)),
  });
  const rotate = async () => {
    const renewed = await must<AgentCertificate>(
      api.POST("/customers/{customer}/agent-certificate/rotate", path),
    );
    queryClient.setQueryData(key, renewed);
  };
  const certificate = query.data;
  const c = text.columns;
  return (
    <Page
      title={text.title}
      lead={text.lead}
      actions={
        certificate && (
          <AskButton
            look="primary"
            label={text.rotate}
            title={text.rotateTitle}
            confirm={text.rotate}
            onConfirm={rotate}
          >
            <p>{text.rotateText}</p>
          </AskButton>
        )
      }
    >
      <ProblemNote error={query.error} />
      {query.isPending && <Loading />}
      {certificate && (
        <>
          <p className="note ok">{text.ready}</p>
          <section className="card stack">
            <h2>{text.root}</h2>
            <CopyText label={text.rootId} value={certificate.root_id} />
            <p className="muted small">{text.rootIdHint}</p>
            <CopyText label={text.publicKey} value={certificate.root_public_key} />
            <Facts
              facts={[
                [text.made, <Time key="made" at={certificate.created_at} />],
                [text.epoch, certificate.epoch],
              ]}
            />
          </section>
          <section className="stack tight">
            <h2>{text.keys}</h2>
            <p className="muted">{text.keysLead}</p>
            <DataTable
              caption={text.keys}
              rows={certificate.signing_keys}
              rowKey={(row) => row.key_id}
              columns={[
                { label: c.key, cell: (row) => <code className="small">{row.key_id}</code> },
                { label: c.algorithm, cell: (row) => row.algorithm },
                { label: c.from, cell: (row) => <Time at={row.not_before} /> },
                { label: c.until, cell: (row) => <Time at={row.not_after} /> },
                {
                  label: c.state,
                  cell: (row) => (
                    <Badge
                      word={
                        row.revoked_at
                          ? { label: text.replaced, tone: "warn" }
                          : { label: text.inUse, tone: "ok" }
                      }
                    />
                  ),
                },
              ]}
            />
          </section>
        </>
      )}
    </Page>
  );
}
