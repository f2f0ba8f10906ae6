// Stands in until `npm run generate` has an openapi.json to read.
// biome-ignore lint/suspicious/noExplicitAny: replaced by the generated description.
export type paths = any;
