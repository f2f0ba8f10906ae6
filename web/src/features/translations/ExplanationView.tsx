// How matching came to its decision, in sentences.
import { Link } from "@tanstack/react-router";
import type { Explanation, Id, ObjectRef } from "../../api/types";
import { translationState } from "../../app/words";
import { Badge } from "../../ui/Badge";
import { Loading } from "../../ui/Loading";
import { useObject } from "../objects/queries";
import { text } from "./text";

export function ExplanationView({ explanation }: { explanation: Explanation }) {
  return (
    <div className="stack tight">
      <p>
        <Badge word={translationState[explanation.row.state]} />
      </p>
      <ol className="stack tight">
        {explanation.sentences.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ol>
      {explanation.candidate_ids.length > 0 && (
        <>
          <h3>{text.candidates}</h3>
          <ul className="stack tight">
            {explanation.candidate_ids.map((id) => (
              <li key={id}>
                <Candidate id={id} />
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

function Candidate({ id }: { id: Id }) {
  const { data, error } = useObject(id);
  if (data) return <ObjectLine object={data.object} />;
  return error ? <code>{id}</code> : <Loading />;
}

export function ObjectLine({ object }: { object: ObjectRef }) {
  const further = object.principal ?? object.account_name;
  return (
    <span className="wrap-anywhere">
      <Link to={`/objects/${object.id}`}>{object.name}</Link>
      <br />
      {further !== object.name && (
        <span className="small muted">
          {further}
          <br />
        </span>
      )}
      {object.sid && <code className="small muted">{object.sid}</code>}
    </span>
  );
}
