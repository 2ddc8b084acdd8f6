// The header as C++ reads it.
#include "commformer.h"

int main()
{
    return commformer_version()[0] == '\0' ? 1 : 0;
}
