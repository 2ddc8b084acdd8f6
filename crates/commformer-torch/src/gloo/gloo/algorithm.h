// Only names: c10d's header mentions Gloo's types, the package of libtorch comes without Gloo's headers, and the shim never looks
// into one of them.
#pragma once
