// Reads {"pattern": host pattern, "messages": {name: body}} and writes {name: "believed" or why not}, by AWS's own validator.
import { readFileSync } from 'node:fs'
import MessageValidator from 'sns-validator'

const { pattern, messages } = JSON.parse(readFileSync(0, 'utf8'))
const validator = new MessageValidator(new RegExp(pattern))
const verdicts = {}
for (const [name, body] of Object.entries(messages)) {
  verdicts[name] = await new Promise((resolve) => validator.validate(body, (err) => resolve(err ? err.message : 'believed')))
}
console.log(JSON.stringify(verdicts))
