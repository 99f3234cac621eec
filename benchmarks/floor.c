/*
 * The floor: what the kernel alone needs for N namespaces on one bridge, asked in the shortest way there is.
 *
 *     floor setup N      the bridge br0 with 10.0.0.1/16; namespaces n1 … nN, each with lo up and eth0 with
 *                        10.0.0.(i+1)/16 and a default route by 10.0.0.1; the other ends v1 … vN in the bridge
 *     floor check N      reads every link, address and route everywhere; exit status 1 if any of this is missing
 *     floor teardown N   removes it and waits until the links and the names are gone
 *
 * One thread, one process, no text: rtnetlink messages, many in one send.  Namespaces are made as `ip netns add` makes
 * them (a shared mount /run/netns with a bind mount a name), so that any other program can take over between two steps.
 * Run it in a private network and mount namespace with a tmpfs on /run.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NETNS "/run/netns"
#define GROUP 4242
#define GATEWAY 0x0a000001u /* 10.0.0.1; namespace number i has the address after the i-th */
#define PREFIX 16
#define PER_SEND 64 /* messages of the host that go into one send */

static void die(const char *what)
{
	perror(what);
	exit(2);
}

/* Messages that go to the kernel in one send; the last one asks for an answer, and failures answer unasked. */

struct batch {
	char bytes[65536];
	size_t used;
	struct nlmsghdr *last;
};

static struct batch batch;

static void put(const void *data, size_t size)
{
	memcpy(batch.bytes + batch.used, data, size);
	memset(batch.bytes + batch.used + size, 0, NLMSG_ALIGN(size) - size);
	batch.used += NLMSG_ALIGN(size);
	batch.last->nlmsg_len = batch.bytes + batch.used - (char *)batch.last;
}

static void message(int type, int flags, const void *header, size_t size)
{
	batch.last = (struct nlmsghdr *)(batch.bytes + batch.used);
	*batch.last = (struct nlmsghdr){.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags};
	batch.used += NLMSG_HDRLEN;
	put(header, size);
}

static struct rtattr *attribute(int type, const void *data, size_t size)
{
	struct rtattr *here = (struct rtattr *)(batch.bytes + batch.used);
	struct rtattr head = {.rta_type = type, .rta_len = RTA_LENGTH(size)};

	put(&head, sizeof head);
	if (size)
		put(data, size);
	return here;
}

static void attribute_u32(int type, uint32_t value)
{
	attribute(type, &value, sizeof value);
}

static void attribute_text(int type, const char *text)
{
	attribute(type, text, strlen(text) + 1);
}

static void nest_end(struct rtattr *nest)
{
	nest->rta_len = batch.bytes + batch.used - (char *)nest;
}

static int route_socket(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		die("socket");
	return fd;
}

static void send_batch(int fd)
{
	char answer[65536];
	bool answered = false;

	if (!batch.used)
		return;
	batch.last->nlmsg_flags |= NLM_F_ACK;
	if (send(fd, batch.bytes, batch.used, 0) < 0)
		die("send");
	while (!answered) {
		int left = recv(fd, answer, sizeof answer, 0);

		if (left < 0)
			die("recv");
		for (struct nlmsghdr *h = (void *)answer; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			struct nlmsgerr *e = NLMSG_DATA(h);

			if (e->error) {
				errno = -e->error;
				die("netlink");
			}
			answered = true;
		}
	}
	batch.used = 0;
}

/* Names. */

static const char *numbered(const char *format, int number)
{
	static char text[64];

	snprintf(text, sizeof text, format, number);
	return text;
}

static void name_directory(void)
{
	mkdir(NETNS, 0755);
	if (mount("", NETNS, "none", MS_SHARED | MS_REC, NULL) == 0)
		return;
	if (mount(NETNS, NETNS, "none", MS_BIND | MS_REC, NULL) || mount("", NETNS, "none", MS_SHARED | MS_REC, NULL))
		die("mount " NETNS);
}

/* Setup. */

static void add_address(int index, uint32_t address)
{
	struct ifaddrmsg header = {.ifa_family = AF_INET, .ifa_prefixlen = PREFIX, .ifa_index = index};
	uint32_t wire = htonl(address);
	uint32_t broadcast = htonl(address | (~0u >> PREFIX));

	message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
	attribute(IFA_LOCAL, &wire, 4);
	attribute(IFA_ADDRESS, &wire, 4);
	attribute(IFA_BROADCAST, &broadcast, 4);
}

static void set_link(int index, unsigned flags)
{
	struct ifinfomsg header = {.ifi_index = index, .ifi_flags = flags, .ifi_change = IFF_UP};

	message(RTM_NEWLINK, 0, &header, sizeof header);
}

static void add_bridge(int host)
{
	struct ifinfomsg header = {0};

	message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
	attribute_text(IFLA_IFNAME, "br0");
	attribute_u32(IFLA_GROUP, GROUP);
	struct rtattr *info = attribute(IFLA_LINKINFO, NULL, 0);
	attribute_text(IFLA_INFO_KIND, "bridge");
	nest_end(info);
	send_batch(host);
}

static void add_veth(int number, int bridge, int namespace)
{
	struct ifinfomsg outer = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	struct ifinfomsg inner = {0};

	message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &outer, sizeof outer);
	attribute_text(IFLA_IFNAME, numbered("v%d", number));
	attribute_u32(IFLA_MASTER, bridge);
	attribute_u32(IFLA_GROUP, GROUP);
	struct rtattr *info = attribute(IFLA_LINKINFO, NULL, 0);
	attribute_text(IFLA_INFO_KIND, "veth");
	struct rtattr *data = attribute(IFLA_INFO_DATA, NULL, 0);
	struct rtattr *peer = attribute(VETH_INFO_PEER, NULL, 0);
	put(&inner, sizeof inner);
	attribute_text(IFLA_IFNAME, "eth0");
	attribute_u32(IFLA_NET_NS_FD, namespace);
	nest_end(peer);
	nest_end(data);
	nest_end(info);
}

static int index_of(int fd, const char *name)
{
	struct ifreq request = {0};

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFINDEX, &request))
		die(name);
	return request.ifr_ifindex;
}

static void fill_namespace(int fd, int number)
{
	int eth0 = index_of(fd, "eth0");
	struct rtmsg route = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_BOOT,
			      .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST};
	uint32_t gateway = htonl(GATEWAY);

	set_link(1, IFF_UP);
	add_address(eth0, GATEWAY + number);
	set_link(eth0, IFF_UP);
	message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, sizeof route);
	attribute(RTA_GATEWAY, &gateway, 4);
	attribute_u32(RTA_OIF, eth0);
	send_batch(fd);
}

static int setup(int count)
{
	int host = route_socket();
	int *sockets = calloc(count + 1, sizeof *sockets);
	int *namespaces = calloc(count + 1, sizeof *namespaces);

	name_directory();
	add_bridge(host);
	int bridge = index_of(host, "br0");
	add_address(bridge, GATEWAY);
	send_batch(host);
	for (int i = 1; i <= count; i++) {
		const char *path = numbered(NETNS "/n%d", i);

		close(open(path, O_RDONLY | O_CREAT | O_EXCL, 0));
		if (unshare(CLONE_NEWNET))
			die("unshare");
		namespaces[i] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		sockets[i] = route_socket();
		if (namespaces[i] < 0 || mount("/proc/thread-self/ns/net", path, "none", MS_BIND, NULL))
			die(path);
	}
	for (int i = 1; i <= count; i++) {
		add_veth(i, bridge, namespaces[i]);
		if (i % PER_SEND == 0)
			send_batch(host);
	}
	send_batch(host);
	for (int i = 1; i <= count; i++)
		fill_namespace(sockets[i], i);
	set_link(bridge, IFF_UP);
	send_batch(host);
	return 0;
}

/* Check. */

struct seen {
	int up;        /* interfaces that are up */
	int addresses; /* addresses that are the wanted one */
	int defaults;  /* default routes by the gateway */
	int in_group;  /* interfaces that are ours, in the host */
};

static void see(struct nlmsghdr *h, uint32_t address, struct seen *seen)
{
	static const size_t header[] = {[RTM_NEWLINK] = sizeof(struct ifinfomsg), [RTM_NEWADDR] = sizeof(struct ifaddrmsg),
					[RTM_NEWROUTE] = sizeof(struct rtmsg)};
	struct rtattr *a = (void *)((char *)NLMSG_DATA(h) + NLMSG_ALIGN(header[h->nlmsg_type]));
	struct ifinfomsg *link = NLMSG_DATA(h);
	struct ifaddrmsg *local = NLMSG_DATA(h);
	struct rtmsg *route = NLMSG_DATA(h);
	int left = h->nlmsg_len - ((char *)a - (char *)h);

	if (h->nlmsg_type == RTM_NEWLINK && link->ifi_flags & IFF_UP)
		seen->up++;
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		uint32_t value = RTA_PAYLOAD(a) == 4 ? *(uint32_t *)RTA_DATA(a) : 0;

		if (h->nlmsg_type == RTM_NEWLINK && a->rta_type == IFLA_GROUP && value == GROUP)
			seen->in_group++;
		if (h->nlmsg_type == RTM_NEWADDR && local->ifa_family == AF_INET && local->ifa_prefixlen == PREFIX &&
		    a->rta_type == IFA_LOCAL && ntohl(value) == address)
			seen->addresses++;
		if (h->nlmsg_type == RTM_NEWROUTE && route->rtm_family == AF_INET && route->rtm_dst_len == 0 &&
		    a->rta_type == RTA_GATEWAY && ntohl(value) == GATEWAY)
			seen->defaults++;
	}
}

static void dump(int fd, int type, uint32_t address, struct seen *seen)
{
	static char answer[1 << 20];
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
		struct rtmsg route;
	} header = {0};

	message(type, NLM_F_DUMP, &header,
		type == RTM_GETLINK ? sizeof header.link : type == RTM_GETADDR ? sizeof header.address : sizeof header.route);
	if (send(fd, batch.bytes, batch.used, 0) < 0)
		die("send");
	batch.used = 0;
	for (;;) {
		int left = recv(fd, answer, sizeof answer, 0);

		if (left < 0)
			die("recv");
		for (struct nlmsghdr *h = (void *)answer; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return;
			if (h->nlmsg_type == NLMSG_ERROR)
				die("dump");
			see(h, address, seen);
		}
	}
}

static struct seen look(uint32_t address)
{
	struct seen seen = {0};
	int fd = route_socket();

	dump(fd, RTM_GETLINK, address, &seen);
	dump(fd, RTM_GETADDR, address, &seen);
	dump(fd, RTM_GETROUTE, address, &seen);
	close(fd);
	return seen;
}

static int check(int count)
{
	struct seen host = look(GATEWAY);
	int wrong = host.up < count + 1 || host.addresses != 1;

	for (int i = 1; i <= count; i++) {
		int namespace = open(numbered(NETNS "/n%d", i), O_RDONLY | O_CLOEXEC);

		if (namespace < 0 || setns(namespace, CLONE_NEWNET)) {
			wrong++;
			continue;
		}
		struct seen inside = look(GATEWAY + i);
		wrong += inside.up != 2 || inside.addresses != 1 || inside.defaults != 1;
		close(namespace);
	}
	if (wrong)
		fprintf(stderr, "floor: %d of %d namespaces are not as they should be\n", wrong, count + 1);
	return wrong != 0;
}

/* Teardown. */

static int teardown(int count)
{
	int host = route_socket();
	struct ifinfomsg header = {0};

	set_link(index_of(host, "br0"), 0);
	message(RTM_DELLINK, 0, &header, sizeof header);
	attribute_u32(IFLA_GROUP, GROUP);
	send_batch(host);
	for (int i = 1; i <= count; i++) {
		const char *path = numbered(NETNS "/n%d", i);

		if (umount2(path, MNT_DETACH) || unlink(path))
			die(path);
	}
	while (look(0).in_group)
		usleep(1000);
	return 0;
}

int main(int argc, char **argv)
{
	int count = argc == 3 ? atoi(argv[2]) : 0;
	struct rlimit files = {4096, 4096};

	if (count < 1 || count > 1023)
		return fprintf(stderr, "usage: floor setup|check|teardown N, N from 1 to 1023\n"), 2;
	if (setrlimit(RLIMIT_NOFILE, &files))
		die("setrlimit");
	if (!strcmp(argv[1], "setup"))
		return setup(count);
	if (!strcmp(argv[1], "check"))
		return check(count);
	if (!strcmp(argv[1], "teardown"))
		return teardown(count);
	return fprintf(stderr, "floor: no mode `%s`\n", argv[1]), 2;
}
