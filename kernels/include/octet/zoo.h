// The zoo: operations that few networks need, in a library of their own (octet::zoo), so that others do not carry them.
#pragma once

namespace octet {

// Makes the operations of the zoo known to this process; without it a model that has one is refused. Call it once
// before the first model is loaded.
void use_zoo();

}  // namespace octet
