"""`tuning`: attributes of an interface that another plugin has made, and settings of its namespace."""

from __future__ import annotations

from k8snet_scripts.cni.configuration import Network, TuningPlugin
from k8snet_scripts.cni.settings import tune_sysctls
from k8snet_scripts.plugin.arguments import read_mac
from k8snet_scripts.plugin.call import Call
from k8snet_scripts.plugin.chained import Chained, Change, find_settings
from k8snet_scripts.plugin.netns import check_netns
from k8snet_scripts.plugin.patterns import Particulars, Scripts
from k8snet_scripts.plugin.results import Told


class Tuning(Chained):
    """What was changed is as before after DEL, if the container is still there.

    Of several MAC addresses that of the runtime counts, then that of `CNI_ARGS`, then that of the configuration.
    """

    kind = "tuning"

    def find_change(self, call: Call, network: Network, told: Told) -> Change | None:
        check_netns(call.netns, call.environment)
        plugin = find_settings(network, TuningPlugin)
        mac = network.runtime.mac or read_mac(call.arguments) or plugin.mac
        tuned = plugin.with_(mac=mac, mtu=plugin.mtu or None, data_dir="", path=())
        if tuned == TuningPlugin():
            return None

        def compile(own: Particulars) -> Scripts:
            from k8snet_scripts.plugin.changing import compile_tuning

            its = tuned.with_(mac=own.names.pod_lladdr if mac else None)
            return compile_tuning(network.name, its, call.ifname, own.container_id, own.names)

        overruled = ["address"] if mac else []
        overruled += ["mtu"] if tuned.mtu else []
        overruled += [key for key, _ in tune_sysctls(tuned, (), call.ifname)]
        return Change((tuned.with_(mac=None), mac is None), compile, mac=mac, overruled=tuple(overruled))
