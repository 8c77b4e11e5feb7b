// GitHub's own parser, expression evaluator and language service, one JSON question a line.
import { createInterface } from "node:readline";
import { Evaluator, Lexer, Parser, data } from "@actions/expressions";
import { validate } from "@actions/languageservice";
import {
  NoOperationTraceWriter,
  convertWorkflowTemplate,
  isBasicExpression,
  isMapping,
  isSequence,
  parseWorkflow,
} from "@actions/workflow-parser";
import { TextDocument } from "vscode-languageserver-textdocument";

const STATUS = ["success", "failure", "cancelled", "always"];
const CONTEXTS = ["github", "env", "inputs", "job", "matrix", "needs", "runner", "secrets", "steps", "strategy"];

// A tree of plain values, in which {"$": "..."} is an expression.
function plain(token) {
  if (isBasicExpression(token)) return { $: token.expression };
  if (isSequence(token)) return Array.from(token, plain);
  if (isMapping(token)) return Object.fromEntries(Array.from(token, (pair) => [String(pair.key), plain(pair.value)]));
  return token.value === undefined ? null : token.value;
}

async function parse({ name, text }) {
  const { context, value } = parseWorkflow({ name, content: text }, new NoOperationTraceWriter());
  const problems = context.errors.getErrors().map(String);
  if (problems.length > 0) return { problems };
  const template = await convertWorkflowTemplate(context, value);
  const tree = plain(value);
  // Only the converter puts `success() && (...)` around the conditions that need it.
  for (const job of template.jobs) {
    const own = tree.jobs[job.id.value];
    own.if = { $: job.if.expression };
    own.needs = (job.needs ?? []).map((needed) => needed.value);
    job.steps.forEach((step, index) => (own.steps[index].if = { $: step.if.expression }));
  }
  return { problems: (template.errors ?? []).map((error) => error.Message), tree };
}

function evaluate({ expression, contexts, status }) {
  const functions = new Map(
    STATUS.map((name) => {
      const known = name === "always" ? true : (status[name] ?? false);
      return [name, { name, minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(known) }];
    }),
  );
  const tree = new Parser(new Lexer(expression).lex().tokens, CONTEXTS, [...functions.values()]).parse();
  const known = JSON.parse(JSON.stringify(contexts), data.reviver);
  for (const name of CONTEXTS) {
    if (known.get(name) === undefined) known.add(name, new data.Dictionary());
  }
  const result = new Evaluator(tree, known, functions).evaluate();
  return { value: JSON.parse(JSON.stringify(result, data.replacer)), text: result.coerceString() };
}

let asked = 0;
async function diagnose({ name, text }) {
  asked += 1; // the service remembers what it has parsed by its address, whatever the text is by now
  const found = await validate(TextDocument.create(`file:///${asked}/${name}`, "yaml", 1, text));
  return { problems: found.map((one) => `${one.range.start.line + 1}: ${one.message}`) };
}

const answers = { parse, evaluate, diagnose };

async function main() {
  for await (const line of createInterface({ input: process.stdin })) {
    const question = JSON.parse(line);
    let answer;
    try {
      answer = await answers[question.ask](question);
    } catch (error) {
      answer = { error: error.stack ?? String(error) };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
}

main();
