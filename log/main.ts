import { Command } from 'commander'
import { auditCommand } from './audit/audit-command.ts'
import { checkProofCommand, proveCommand } from './prove-command.ts'
import { verifyCommand } from './verify-command.ts'
import { witnessCommand } from './witness-command.ts'

/** `ownlens log`. */
export function logCommand(): Command {
  return new Command('log')
    .description('The append-only log: what is in it, and that it never was otherwise.')
    .addCommand(verifyCommand())
    .addCommand(auditCommand())
    .addCommand(proveCommand())
    .addCommand(checkProofCommand())
    .addCommand(witnessCommand())
}
