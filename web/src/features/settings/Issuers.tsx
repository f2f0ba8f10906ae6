import type { LicenceIssuer } from "../../api/types";
import { Button } from "../../ui/Button";
import { AreaField, TextField } from "../../ui/fields";
import { text } from "./text";

type Props = {
  issuers: LicenceIssuer[];
  fault: (field: string) => string | undefined;
  onChange: (issuers: LicenceIssuer[]) => void;
};

export function Issuers({ issuers, fault, onChange }: Props) {
  const change = (index: number, part: Partial<LicenceIssuer>) =>
    onChange(issuers.map((one, other) => (other === index ? { ...one, ...part } : one)));
  return (
    <fieldset>
      <legend>{text.issuers}</legend>
      <div className="hint">{text.issuersHint}</div>
      {fault("licence_issuers") && <div className="fault">{fault("licence_issuers")}</div>}
      {issuers.map((issuer, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: an issuer has no identity before its key is typed.
        <div className="choice stack tight" key={index}>
          <TextField
            label={text.issuerName(index + 1)}
            required
            value={issuer.name}
            fault={fault(`licence_issuers.${index}.name`)}
            onChange={(name) => change(index, { name })}
          />
          <AreaField
            label={text.issuerKey(index + 1)}
            required
            mono
            rows={2}
            value={issuer.public_key}
            fault={fault(`licence_issuers.${index}.public_key`)}
            onChange={(public_key) => change(index, { public_key })}
          />
          <div>
            <Button small onClick={() => onChange(issuers.filter((_, other) => other !== index))}>
              {text.removeIssuer(index + 1)}
            </Button>
          </div>
        </div>
      ))}
      <div>
        <Button small onClick={() => onChange([...issuers, { name: "", public_key: "" }])}>
          {text.addIssuer}
        </Button>
      </div>
    </fieldset>
  );
}
