// An emulator of SQS and SNS at 127.0.0.1, on a port of its own that it tells. It ends with its input.
import { buildApp } from 'fauxqs'

const app = buildApp({ logger: false, host: 'localhost' })
await app.listen({ port: 0, host: '127.0.0.1' })
console.log(app.server.address().port)
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
