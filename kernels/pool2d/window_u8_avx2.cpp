#include "kernels/pool2d/window_u8_impl.h"

namespace octet {

const PoolWindows kPoolWindowsAvx2 = kWindows;

}  // namespace octet
